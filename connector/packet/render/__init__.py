"""connector.packet.render"""
