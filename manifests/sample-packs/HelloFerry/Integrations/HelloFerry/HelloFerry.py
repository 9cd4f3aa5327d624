import demistomock as demisto
from CommonServerPython import *


def main():
    client = BaseClient(base_url=demisto.params()["url"])
    command = demisto.command()
    if command == "test-module":
        client._http_request("GET", "hello")
        return_results("ok")
    elif command == "ferry-hello":
        return_results(client._http_request("GET", "hello"))


if __name__ in ("__main__", "builtins"):
    main()
