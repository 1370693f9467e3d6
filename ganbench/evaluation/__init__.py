"""How are sets of examples scored, of runs and of any other generator? (sources -> features -> metrics -> scores and warnings)"""
