print("filled in")
