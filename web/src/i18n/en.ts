// Every text of the interface, in English: plain strings, and functions where something is put in. Another language is another object
// of this shape, which the compiler holds to it. What the service says (node names, help, problems) is not here.

const count = (one: string, many: string) => (number: number) => (number === 1 ? `1 ${one}` : `${number} ${many}`);

export const en = {
  missing: {
    title: "What is missing here",
    types: "Node types",
    files: "Files",
    choices: "Choices",
    changed: "Nodes that have changed",
    lead: "Nothing was dropped: it is all kept as it is in the file until you choose.",
    none: "All that this workflow names is here.",
    nodes: count("node", "nodes"),
    inFolder: (folder: string) => `in ${folder}`,
    choiceOf: (input: string, type: string) => `${input} of ${type}`,
    noInput: (type: string) => `${type} has no such input`,
    noOutput: (type: string) => `${type} has no such output`,
    holds: (value: string) => `holds ${value}`,
    linked: "is linked",
    use: (name: string) => `Use ${name}`,
    other: "Another",
    dropInput: "Drop it",
    dropLink: "Unlink",
    show: "Show the node",
    showOf: (name: string) => `Show the node of ${name}`,
    takeNearest: (number: number) => (number === 1 ? "Take the nearest" : `Take all ${number} nearest`),
    done: "Done",
    keep: "Keep as it is",
    open: "What is missing here",
    found: (number: number) => (number === 1 ? "1 thing that this workflow names is not here" : `${number} things that this workflow names are not here`),
    edit: (name: string) => `Use ${name}`,
    editAll: "Take the nearest",
    editDrop: (name: string) => `Drop ${name}`,
  },
};
