"""Which hyper-parameters differ from the papers', and where? (tables of overrides that suites name)"""
