"""What are the scores of these examples, whoever generated them? (sources -> features -> metrics -> scores and warnings)"""
