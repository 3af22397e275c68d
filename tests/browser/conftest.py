from playwright.sync_api import expect

# Two processes of tests share the cores with two stacks and a browser, so that what is right may come late. Only what
# is wrong waits this long.
expect.set_options(timeout=15_000)
