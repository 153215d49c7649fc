"""connector.pull.references"""
