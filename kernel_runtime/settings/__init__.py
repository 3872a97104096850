"""Settings of units: what their fields are, what they may hold, what is in force."""
