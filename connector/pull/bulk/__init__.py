"""connector.pull.bulk"""
