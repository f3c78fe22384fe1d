"""Compiles Java sources to class files, by the compiler that Spark has for its own code: a Java runtime has none.

A script for ``python -S`` with py4j on its path. Arguments: the gateway's port and secret, the target folder, sources.
"""

from __future__ import annotations

import sys

from py4j.java_gateway import GatewayParameters, JavaGateway


def main() -> None:
    """Compile, or end with the compiler's message."""
    port, secret, target, *sources = sys.argv[1:]
    gateway = JavaGateway(gateway_parameters=GatewayParameters(port=int(port), auth_token=secret))
    jvm = gateway.jvm
    files = gateway.new_array(jvm.java.io.File, len(sources))
    for number, source in enumerate(sources):
        files[number] = jvm.java.io.File(source)
    compiler = jvm.org.codehaus.janino.Compiler()
    compiler.setDestinationDirectory(jvm.java.io.File(target), False)
    compiler.setDebugLines(True)
    compiler.compile(files)


if __name__ == "__main__":
    main()
