"""connector.push.takeback"""
