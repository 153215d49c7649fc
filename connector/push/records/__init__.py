"""connector.push.records"""
