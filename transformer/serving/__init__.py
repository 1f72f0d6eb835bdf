"""The translator as an HTTP service with a page. It needs the extra `web`."""
