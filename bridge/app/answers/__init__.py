"""What the commands answer: the plain values that travel from the appliance to the command line.

One shape for each answer of `commands.Commands`, one file for each subject. Every value is what JSON can carry:
times are integer milliseconds UTC (`..._at_ms`), money is integer thousandths of a credit (`..._mc`),
enumerations are their values as text. An answer may hold more than is named here. Faults are raised as
`bridge.messages.faults.Fault`.
"""
