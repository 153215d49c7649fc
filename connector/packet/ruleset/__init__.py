"""connector.packet.ruleset"""
