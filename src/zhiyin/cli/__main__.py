"""python -m zhiyin.cli"""

from zhiyin.cli import main

main()
