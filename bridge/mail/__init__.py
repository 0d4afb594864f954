"""What a mail says: recipients, text and thread of a mail in; the wording of a mail out. No transport."""
