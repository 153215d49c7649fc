"""connector.push.whole"""
