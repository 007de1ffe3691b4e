"""The pages and actions of the dashboard, one module each: what is asked, what is made of it, how it is shown."""
