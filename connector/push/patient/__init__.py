"""connector.push.patient"""
