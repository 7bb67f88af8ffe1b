"""Load runs and their recorded results; nothing imports this."""
