"""connector.push.wire"""
