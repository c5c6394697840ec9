"""The routes that the first program had: /<model>/g/<seed>/<size>[/<temp>] and POST /<model>."""
