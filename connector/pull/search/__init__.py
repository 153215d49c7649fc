"""connector.pull.search"""
