"""connector.packet.record"""
