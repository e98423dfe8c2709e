from .report import WrittenReport as WrittenReport, write_report as write_report
