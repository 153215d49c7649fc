"""connector.packet.chart"""
