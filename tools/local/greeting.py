"""What `make run` prints when all of it answers."""

from tools.local.folder import STACK_FILE, StackFile

TEXT = """
Mistral Relay is up. Submit a job:

  curl -s {api_url}/v1/jobs \\
    -H 'Authorization: Bearer {api_key}' -H 'Content-Type: application/json' \\
    -d '{{"body": {{"messages": [{{"role": "user", "content": "Hello"}}]}}}}'

Read it back, with the id from the answer:

  curl -s {api_url}/v1/jobs/JOB_ID -H 'Authorization: Bearer {api_key}'

All addresses and keys are in {stack_file}; the parts' logs beside it.
"""


def greeting(stack: StackFile) -> str:
    """Return commands that can be pasted as they are."""
    return TEXT.format(
        api_url=stack.api_url,
        api_key=stack.api_key,
        stack_file=STACK_FILE.relative_to(STACK_FILE.parents[1]),
    )
