"""Should tasks be learned together? Prices, false alarms, published golden values, and groups on data sets."""
