"""connector.packet.release"""
