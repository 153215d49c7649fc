"""connector.packet.try_out"""
