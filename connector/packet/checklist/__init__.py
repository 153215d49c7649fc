"""connector.packet.checklist"""
