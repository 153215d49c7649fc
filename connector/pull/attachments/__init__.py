"""connector.pull.attachments"""
