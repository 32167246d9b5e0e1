export { createClassifier, type Classification, type Classifier } from './classifier.ts'
export { loadParser } from './parser.ts'
