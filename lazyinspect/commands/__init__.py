"""One module per command: options -> one call of the API -> the text to print, in pieces."""
