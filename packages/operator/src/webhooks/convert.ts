// SPDX-License-Identifier: Apache-2.0
// ConversionReviews: an API server asks for objects in another of their versions. Pure.
// Source: k8s.io/apiextensions-apiserver pkg/apis/apiextensions/v1/types.go.
import { type AnyObject, convertServingObject } from "@serval/api";
import { isMap, ReviewError } from "./review.ts";

type JsonMap = Readonly<Record<string, unknown>>;
const apiVersion = "apiextensions.k8s.io/v1";

/** The answering ConversionReview; objects that cannot be converted fail all of them. @throws ReviewError. */
export function conversionAnswer(body: unknown): JsonMap {
  const request = isMap(body) && body["kind"] === "ConversionReview" ? body["request"] : undefined;
  if (!isMap(request)) throw new ReviewError(`the body is no ConversionReview of ${apiVersion}`);
  const { uid, desiredAPIVersion, objects } = request;
  if (typeof uid !== "string" || typeof desiredAPIVersion !== "string" || !Array.isArray(objects))
    throw new ReviewError("request.uid, request.desiredAPIVersion or request.objects is missing");
  const answer = (response: JsonMap): JsonMap => ({
    apiVersion,
    kind: "ConversionReview",
    response: { uid, ...response },
  });
  try {
    const convertedObjects = objects.map((object: AnyObject) => convertServingObject(object, desiredAPIVersion));
    return answer({ result: { status: "Success" }, convertedObjects });
  } catch (error) {
    return answer({ result: { status: "Failure", message: (error as Error).message }, convertedObjects: [] });
  }
}
