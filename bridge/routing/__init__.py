"""Pure decisions over immutable tables: which link, what price, how fast, when again."""
