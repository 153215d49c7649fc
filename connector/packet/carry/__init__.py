"""connector.packet.carry"""
