export type DebianArchive = never
