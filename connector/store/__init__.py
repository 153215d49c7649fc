"""What is kept: the case file (patient data, one per case) and the ledger (none)."""
