"""connector.packet.author"""
