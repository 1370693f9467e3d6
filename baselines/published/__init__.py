"""Which results did other suites publish, under which protocol? (one TOML a data set; ganbench finds them through entry points)"""
