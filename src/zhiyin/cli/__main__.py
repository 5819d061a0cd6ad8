"""python -m zhiyin.cli"""

from zhiyin.cli import main

if __name__ == "__main__":
    main()
