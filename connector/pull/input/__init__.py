"""connector.pull.input"""
