"""The HTTP door: GET and POST /send for devices and programs."""
