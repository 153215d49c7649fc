"""connector.push.evidence"""
