import demistomock as demisto
from CommonServerPython import *

if demisto.command() == "test-module":
    return_results("ok")
elif demisto.command() == "harbor-ships":
    return_results(argToList(demisto.params()["ships"]))
