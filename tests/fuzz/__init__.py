"""Programs that throw mutated input at a running appliance for as long as somebody wants; see HACKING.md."""
