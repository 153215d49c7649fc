"""connector.pull.files"""
