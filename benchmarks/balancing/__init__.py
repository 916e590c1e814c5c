"""What balancing methods cost, and what they buy."""
