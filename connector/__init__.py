"""The second-opinion connector: pull a chart, map it to a referral, push it, prove it arrived."""

__version__ = "0.1.0"
