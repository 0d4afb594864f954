-- The ledger of version 2 learns when a repeat was answered: that answer may be lost, too.
ALTER TABLE unanswered ADD COLUMN heard_at_ms INTEGER;
