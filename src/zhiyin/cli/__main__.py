"""python -m zhiyin.cli"""

from zhiyin.cli.app import main

main()
