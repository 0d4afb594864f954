"""The appliance as a whole: configuration, roles, command line, control socket, housekeeping."""
