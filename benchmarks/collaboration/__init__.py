"""What peers gain by learning from one another, with labels hidden and with labels flipped."""
